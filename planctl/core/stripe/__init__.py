"""What should be at Stripe, what is there, and what an event means: values and decisions. It calls nobody."""
