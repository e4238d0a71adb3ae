output "bus_arn" {
  description = "For the members' hub_bus_arn."
  value       = aws_cloudwatch_event_bus.this.arn
}

output "topic_arn" {
  description = "For intake.sns.topics."
  value       = local.topic
}

output "queue_url" {
  description = "For intake.sqs.queues."
  value       = local.has_queue ? aws_sqs_queue.this[0].id : null
}

output "dead_letters_url" {
  description = "What could not be delivered."
  value       = aws_sqs_queue.dead_letters.id
}

output "reader_policy_arn" {
  description = "Attach it to the service's role."
  value       = local.has_queue ? aws_iam_policy.reader[0].arn : null
}
