"""What the HTML page of an evaluation says, section by section, as plain values for the template."""
