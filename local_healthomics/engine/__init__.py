"""The engine process of the local HealthOmics: one miniwdl run, spoken to over JSON lines."""
