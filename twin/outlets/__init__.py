"""Outlets push the log to receivers that do not poll it: webhooks and MQTT brokers, one definition file each.

::

    log ─ selection (the outlet's filter and its actor's rights) ─ batch ─ sender ─► webhook, broker
                                                                         │
    ledger (a cursor)  : position and faults  ◄──────────┘ moves when the receiver has taken the batch
"""
