"""One lab on several machines: parts on other machines started, led and measured from the first."""
