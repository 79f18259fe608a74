"""Acts on users, rooms and bans: one function for each act, whoever asks for it.

Handlers of messages, the admin API and the command line only translate: each act has the same
checks, notices and lines of the audit log, in the same order.
"""
