"""The plan catalog: what is sold, its versions, and what changes between two of them."""
