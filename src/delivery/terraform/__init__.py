"""Terraform: init, plan, apply; the state, its lock and its outputs."""
