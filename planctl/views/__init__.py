"""Says what the core knows, as lines for people and as documents for machines; it fetches nothing."""
