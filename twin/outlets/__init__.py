"""Where the log goes out to others who do not come for it: webhooks and MQTT brokers, one file each.

::

    log ─ selection (what the outlet asks for and its actor may see) ─ batch ─ sender ─► webhook, broker
                                                                         │
    ledger (a cursor)  : how far it has got, what went wrong ◄──────────┘ moved when the other side has taken it
"""
