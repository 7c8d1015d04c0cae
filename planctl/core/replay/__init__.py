"""A period that was billed, rated again: by the terms that were held, and by those that a catalog proposes."""
