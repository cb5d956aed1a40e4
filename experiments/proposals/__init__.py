"""Direct-link proposals: which of the candidate links to build, what they bring, and how sure that is.

``model`` is what is asked, ``findings`` what is answered; both are plain frozen values. Everything between
them is pure: no root, no emulation. Only ``evidence`` builds networks. See ``docs/proposals.md``.
"""
