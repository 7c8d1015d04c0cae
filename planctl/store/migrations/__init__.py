"""The schema's history: one numbered file per version, carried out by `planctl.store.migrate`."""
