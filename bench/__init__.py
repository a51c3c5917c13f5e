"""What Filegate costs: latency, CPU, bytes per second, DynamoDB units, cold start, memory."""
