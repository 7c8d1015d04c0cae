"""Subscriptions: their frozen terms, their periods and the moves between their statuses."""
