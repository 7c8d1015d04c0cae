"""What planctl knows: pure values and rules. It calls nothing outside itself and the standard library."""
