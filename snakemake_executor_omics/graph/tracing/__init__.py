"""Resources that read sizes of inputs that do not exist yet, traced into WDL expressions."""
