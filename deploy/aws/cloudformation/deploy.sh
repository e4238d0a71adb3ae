#!/usr/bin/env bash
# Deploys AWS Event Cache's hub and members. Read it before you run it: it is a list of commands to be adapted, not a tool.
# Needs the AWS CLI and credentials of each hub's account. The StackSet has self-managed permissions: it wants the roles
# AWSCloudFormationStackSetAdministrationRole in the hub's account and AWSCloudFormationStackSetExecutionRole in every member's.
# For an organization's own permissions create it with --permission-model SERVICE_MANAGED --auto-deployment Enabled=false from the management
# account, and name the members by --deployment-targets OrganizationalUnitIds=...,Accounts=...,AccountFilterType=INTERSECTION.
set -euo pipefail
cd "$(dirname "$0")"

# Only since services without regions tell of their calls there: 111122223333 in us-east-1, 444455556666 in us-east-1.

# The hub, in account 111122223333.
aws cloudformation deploy --region eu-west-1 --stack-name aws-event-cache-hub --template-file hub.yaml \
  --capabilities CAPABILITY_IAM --tags application=aws-event-cache \
  --parameter-overrides TopicName=spinnaker-changes Endpoint=https://spinnaker-gate.example.com/webhooks/aws-event-cache QueueName= QueueVisibilitySeconds=60 Accounts=111122223333,444455556666

# Its members.
aws cloudformation create-stack-set --region eu-west-1 --stack-set-name aws-event-cache-members --template-body file://member.yaml \
  --capabilities CAPABILITY_IAM --tags Key=application,Value=aws-event-cache \
  --parameters ParameterKey=HubBusArn,ParameterValue=arn:aws:events:eu-west-1:111122223333:event-bus/aws-event-cache
operation=$(aws cloudformation create-stack-instances --region eu-west-1 --stack-set-name aws-event-cache-members \
  --accounts 444455556666 \
  --regions eu-west-1 us-east-1 \
  --operation-preferences RegionConcurrencyType=PARALLEL,MaxConcurrentPercentage=100 --query OperationId --output text)
until aws cloudformation describe-stack-set-operation --region eu-west-1 --stack-set-name aws-event-cache-members --operation-id "$operation" \
  --query StackSetOperation.Status --output text | tee /dev/stderr | grep -qE 'SUCCEEDED|FAILED|STOPPED'; do sleep 10; done
operation=$(aws cloudformation create-stack-instances --region eu-west-1 --stack-set-name aws-event-cache-members \
  --accounts 111122223333 \
  --regions eu-west-1 us-east-1 us-west-2 \
  --operation-preferences RegionConcurrencyType=PARALLEL,MaxConcurrentPercentage=100 --query OperationId --output text)
until aws cloudformation describe-stack-set-operation --region eu-west-1 --stack-set-name aws-event-cache-members --operation-id "$operation" \
  --query StackSetOperation.Status --output text | tee /dev/stderr | grep -qE 'SUCCEEDED|FAILED|STOPPED'; do sleep 10; done
