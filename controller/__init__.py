"""How traffic is routed: paths, plans, flow tables and the Ryu (os-ken) application."""
