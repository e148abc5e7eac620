"""Pictures and the report: sees results/ only, JSON lines in, SVG, PNG and HTML out."""
