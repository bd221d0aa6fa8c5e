# The provider waits 50 seconds until it believes a lifecycle rule, and a sandbox does not live for 90 days.
state_history_days = 0
