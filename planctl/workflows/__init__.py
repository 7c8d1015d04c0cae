"""The journeys: read, decide, show, write. They hold no rule of their own and do not call each other."""
