"""What a quantity costs: price kinds, proration, and the one page that rates a feature."""
