-- Run once by the server's administrator, in any database:  psql -v ON_ERROR_STOP=1 -f postgresql-roles.sql
-- One login for whoever makes the store, one for each person, none that is shared. planctl keeps no passwords:
-- give each login one with \password, a certificate, or GSSAPI.

CREATE ROLE billing LOGIN CREATEROLE;
CREATE ROLE alice LOGIN;
CREATE ROLE bob LOGIN;

CREATE DATABASE books OWNER billing ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE books FROM PUBLIC;

-- Then, as billing:
--   planctl --store 'postgresql://billing@db.example/books?sslmode=verify-full' init
--   planctl --store 'postgresql://billing@db.example/books?sslmode=verify-full' access grant alice --role viewer
--   planctl --store 'postgresql://billing@db.example/books?sslmode=verify-full' access grant bob --role owner
-- And when somebody else is an owner too:
--   ALTER ROLE billing NOCREATEROLE;
