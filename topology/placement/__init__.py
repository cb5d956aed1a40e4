"""One layout on several machines: which site goes where, and what each machine has to realise. Pure.

``model`` is the contract between who decides (``partition``) and who realises; ``document`` reads the file
of machines. The pattern is that of containerlab's and netlab's labs on several servers: every number, name
and address is fixed once, in one place; each machine builds its own part as if it were alone; and the links
that cross are joined afterwards by point-to-point VXLAN (RFC 7348). See ``docs/machines.md``.
"""
