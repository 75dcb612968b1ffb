"""CWL runs: cwltool as a second engine, behind the extra `cwl`."""
