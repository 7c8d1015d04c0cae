"""Invoices: what is due, their lines, totals, numbers and states."""
