// The script of ../README.md with AWS SDK for Go v2.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
)

var region = os.Getenv("AWS_REGION")

func say(call string, answer any) {
	line, err := json.Marshal(map[string]any{"call": call, "answer": answer})
	check(err)
	fmt.Println(string(line))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// client reaches AWS the way that the environment names.
func client() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	proxy, err := url.Parse(os.Getenv("CALLS_PROXY"))
	check(err)
	if file := os.Getenv("CALLS_CA"); file != "" {
		pem, err := os.ReadFile(file)
		check(err)
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	switch os.Getenv("CALLS_VIA") {
	case "http", "connect":
		transport.Proxy = http.ProxyURL(proxy)
	case "sni":
		// Every name leads to the proxy, as DNS would make it: no CONNECT, TLS by SNI.
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, proxy.Host)
		}
	}
	return &http.Client{Transport: transport}
}

// endpoint of a service; nil where the SDK's own is the right one.
func endpoint(host string) *string {
	if direct := os.Getenv("CALLS_ENDPOINT"); direct != "" {
		return &direct
	}
	if os.Getenv("CALLS_VIA") == "http" {
		return aws.String("http://" + host + "." + region + ".amazonaws.com")
	}
	return nil
}

func main() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(client()))
	check(err)

	scaling := autoscaling.NewFromConfig(cfg, func(o *autoscaling.Options) { o.BaseEndpoint = endpoint("autoscaling") })
	groups := []string{}
	for pages := autoscaling.NewDescribeAutoScalingGroupsPaginator(scaling, &autoscaling.DescribeAutoScalingGroupsInput{MaxRecords: aws.Int32(2)}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		check(err)
		for _, group := range page.AutoScalingGroups {
			line, err := json.Marshal(group)
			check(err)
			groups = append(groups, string(line))
		}
	}
	say("groups", groups)

	balancing := elb.NewFromConfig(cfg, func(o *elb.Options) { o.BaseEndpoint = endpoint("elasticloadbalancing") })
	balancers, err := balancing.DescribeLoadBalancers(ctx, nil)
	check(err)
	say("load balancers", balancers.LoadBalancers)
	for _, balancer := range balancers.LoadBalancers {
		attributes, err := balancing.DescribeLoadBalancerAttributes(ctx, &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: balancer.LoadBalancerArn})
		check(err)
		say("attributes", attributes.Attributes)
	}
	_, err = balancing.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Names: []string{"no-such-balancer"}})
	var refused smithy.APIError
	if errors.As(err, &refused) {
		say("no such balancer", refused.ErrorCode())
	}

	watch := cloudwatch.NewFromConfig(cfg, func(o *cloudwatch.Options) { o.BaseEndpoint = endpoint("monitoring") })
	say("alarms", alarms(ctx, watch, func(name string) bool { return !strings.Contains(name, "sdk-") }))

	vault := secretsmanager.NewFromConfig(cfg, func(o *secretsmanager.Options) { o.BaseEndpoint = endpoint("secretsmanager") })
	secrets, err := vault.ListSecrets(ctx, nil)
	check(err)
	say("secrets", len(secrets.SecretList))

	functions, err := lambda.NewFromConfig(cfg, func(o *lambda.Options) { o.BaseEndpoint = endpoint("lambda") }).ListFunctions(ctx, nil)
	check(err)
	for _, function := range functions.Functions {
		say("function", function.FunctionName)
	}

	name := "sdk-" + os.Getenv("CALLS_RUN")
	_, err = watch.PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{
		AlarmName: &name, MetricName: aws.String("CPUUtilization"), Namespace: aws.String("AWS/EC2"), Statistic: cloudwatchtypes.StatisticAverage,
		Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1), ComparisonOperator: cloudwatchtypes.ComparisonOperatorGreaterThanThreshold,
	})
	check(err)
	say("own write seen", len(alarms(ctx, watch, func(seen string) bool { return seen == name })) == 1)

	bigBodies(ctx, s3.NewFromConfig(cfg, func(o *s3.Options) { o.BaseEndpoint, o.UsePathStyle = endpoint("s3"), true }))
}

func alarms(ctx context.Context, watch *cloudwatch.Client, wanted func(string) bool) []string {
	answer, err := watch.DescribeAlarms(ctx, nil)
	check(err)
	names := []string{}
	for _, alarm := range answer.MetricAlarms {
		if wanted(*alarm.AlarmName) {
			names = append(names, *alarm.AlarmName)
		}
	}
	return names
}

func bigBodies(ctx context.Context, store *s3.Client) {
	bucket, key := aws.String("sdk-calls"), aws.String("a b/c+d")
	location := &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(region)}
	_, err := store.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket, CreateBucketConfiguration: location})
	var there *s3types.BucketAlreadyOwnedByYou
	if !errors.As(err, &there) {
		check(err)
	}
	body := bytes.Repeat([]byte("0123456789abcdef"), 196_608) // 3 MiB
	_, err = store.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: key, Body: bytes.NewReader(body)})
	check(err)
	object, err := store.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key})
	check(err)
	got, err := io.ReadAll(object.Body)
	check(err)
	say("object", bytes.Equal(got, body))
}
