"""Which line of code holds a connection: from what build/blame wrote down to words.

    tracing   how a program is started so that blame follows it, and asked what it holds
    symbols   addresses become functions and lines
    places    which of the frames of a stack is the program's own
    reasons   what was done with the sockets of a group, and which rule that breaks
    document  all of it as one JSON document (schema/blame.schema.json)
    wording   the document in words
"""
