"""SNMP, from credentials and sockets over modules (`snmp.yml`) to vendor-neutral readings and the health of a device.

The same code polls in agents and in the collector. Nothing here judges availability; it reports what a device said of itself.
"""
