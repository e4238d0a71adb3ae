output "undelivered_url" {
  description = "What did not reach the hub."
  value       = aws_sqs_queue.undelivered.id
}
