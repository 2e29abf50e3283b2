"""What a node's ledgers say of its peers' completions, and the same judged again.

It reads; a running node is not disturbed. Modules that need a model are imported when they are
asked for.
"""
