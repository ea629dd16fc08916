"""The live twin under load: messages a second, delay to a subscriber, cost of many subscribers, recovery."""
