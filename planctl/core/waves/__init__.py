"""Moving running subscriptions to newer terms by a reviewed file, in batches: what to move, whom not, and why."""
