"""The parts of the carriers' REST APIs that calls need: hang up, transfer, send digits, dial out. They are optional:
nothing is sent unless a transport has the account's credentials.

    order      requests and answers, as values (pure)
    accounts   a class for each carrier: credentials, addresses, bodies (pure)
    client     sends one request within a time limit, and turns failures into our errors
"""
