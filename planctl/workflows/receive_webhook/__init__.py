"""Everything that comes in from Stripe: events, by webhook or pulled, and what a person decides about them."""
