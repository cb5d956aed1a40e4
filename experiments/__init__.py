"""What is learned from the network: measurements, experiments, results, reports and the CLI."""
