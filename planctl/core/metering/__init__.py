"""What was used: events, their acceptance and their aggregation."""
