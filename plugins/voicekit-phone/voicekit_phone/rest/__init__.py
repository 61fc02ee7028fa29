"""The carriers' REST, as far as calls need it: hang up, transfer, send keys, dial out. Optional; nothing is sent unless
a transport was given the account's keys.

    order      what is asked and what is answered, as values (pure)
    accounts   a class for each carrier: keys, addresses, bodies (pure)
    client     sends one request, in bounded time, and turns what goes wrong into our errors
"""
