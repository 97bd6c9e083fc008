"""Which line of code holds a connection: from the records of build/blame to words.

    tracing   start a program under blame, and ask what it holds
    symbols   addresses become functions and lines
    places    which frame of a stack is the program's own
    reasons   what was done with the sockets of a group, and which rule it breaks
    document  all of it as one JSON document (schema/blame.schema.json)
    wording   the document in words
"""
