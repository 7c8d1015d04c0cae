"""The only folder that talks to Stripe: keys, requests, signatures and pace. It decides nothing."""
