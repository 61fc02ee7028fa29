"""The parts of the carriers' REST APIs that calls need: to hang up, transfer, send digits and dial out. They are
optional: nothing is sent unless a transport has the account's credentials.

    order      data classes for requests and answers (pure)
    accounts   a class for each carrier: credentials, addresses, bodies (pure)
    client     sends one request within a time limit, and turns failures into our errors
"""
