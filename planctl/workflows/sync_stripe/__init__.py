"""Everything that goes out to Stripe: never inside a transaction, always through the outbox."""
