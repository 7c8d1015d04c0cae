"""One file per schema version; the number is the store's `user_version`."""
