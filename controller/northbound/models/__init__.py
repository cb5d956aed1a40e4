"""What the interface answers, as JSON: close to the controller's own values, apart from them, documented.

Every model is built from one of those values by its method ``of``; units are in the names of the keys.
"""
