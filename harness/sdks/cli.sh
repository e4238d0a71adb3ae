#!/usr/bin/env bash
# The script of README.md with the AWS CLI, whose program is $AWS.
set -euo pipefail

call() { # call HOST NAME ARGUMENTS...: one call, and one line of output
  local host=$1 name=$2 answer
  shift 2
  local endpoint=()
  if [ -n "${CALLS_ENDPOINT:-}" ]; then
    endpoint=(--endpoint-url "$CALLS_ENDPOINT")
  elif [ "$CALLS_VIA" = http ]; then
    endpoint=(--endpoint-url "http://$host.$AWS_REGION.amazonaws.com")
  fi
  answer=$("$AWS" --region "$AWS_REGION" --output json "${endpoint[@]}" "$@" 2>&1) || answer="refused: $(grep -o '([A-Za-z.]*)' <<<"$answer" | head -1)"
  python3 -c 'import json, sys; print(json.dumps({"call": sys.argv[1], "answer": sys.argv[2]}))' "$name" "$answer"
}

if [ -z "${CALLS_ENDPOINT:-}" ]; then
  export HTTP_PROXY=$CALLS_PROXY HTTPS_PROXY=$CALLS_PROXY AWS_CA_BUNDLE=$CALLS_CA
fi
unset http_proxy https_proxy no_proxy NO_PROXY
call autoscaling groups autoscaling describe-auto-scaling-groups --page-size 2
call ec2 "security groups" ec2 describe-security-groups
call monitoring alarms cloudwatch describe-alarms --query 'MetricAlarms[?!contains(AlarmName, `sdk-`)].AlarmName'
call secretsmanager secrets secretsmanager list-secrets
call lambda functions lambda list-functions --query 'Functions[].FunctionName'
call ec2 "no such instance" ec2 describe-instances --instance-ids i-00000000000000000
call monitoring write cloudwatch put-metric-alarm --alarm-name "sdk-$CALLS_RUN" --metric-name CPUUtilization --namespace AWS/EC2 --statistic Average \
  --period 60 --evaluation-periods 1 --threshold 1 --comparison-operator GreaterThanThreshold
call monitoring "own write seen" cloudwatch describe-alarms --query "length(MetricAlarms[?AlarmName=='sdk-$CALLS_RUN'])"
