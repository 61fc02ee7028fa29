"""The parts of the carriers' REST that calls need: hang up, transfer, send keys, dial out. Optional: nothing is sent
unless a transport has the account's keys.

    order      requests and answers, as values (pure)
    accounts   a class for each carrier: keys, addresses, bodies (pure)
    client     sends one request within a time limit, and turns failures into our errors
"""
