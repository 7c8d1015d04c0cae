"""The only folder that talks to the database. It fetches and keeps core values; it decides nothing."""
