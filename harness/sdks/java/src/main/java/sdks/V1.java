package sdks;

import static sdks.Say.endpoint;
import static sdks.Say.say;

import com.amazonaws.AmazonServiceException;
import com.amazonaws.ClientConfiguration;
import com.amazonaws.client.builder.AwsClientBuilder;
import com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration;
import com.amazonaws.services.autoscaling.AmazonAutoScaling;
import com.amazonaws.services.autoscaling.AmazonAutoScalingClientBuilder;
import com.amazonaws.services.autoscaling.model.DescribeAutoScalingGroupsRequest;
import com.amazonaws.services.autoscaling.model.DescribeAutoScalingGroupsResult;
import com.amazonaws.services.cloudwatch.AmazonCloudWatch;
import com.amazonaws.services.cloudwatch.AmazonCloudWatchClientBuilder;
import com.amazonaws.services.cloudwatch.model.MetricAlarm;
import com.amazonaws.services.cloudwatch.model.PutMetricAlarmRequest;
import com.amazonaws.services.ec2.AmazonEC2;
import com.amazonaws.services.ec2.AmazonEC2ClientBuilder;
import com.amazonaws.services.ec2.model.DescribeInstancesRequest;
import com.amazonaws.services.ec2.model.DescribeVpcsRequest;
import com.amazonaws.services.elasticloadbalancingv2.AmazonElasticLoadBalancing;
import com.amazonaws.services.elasticloadbalancingv2.AmazonElasticLoadBalancingClientBuilder;
import com.amazonaws.services.elasticloadbalancingv2.model.DescribeLoadBalancerAttributesRequest;
import com.amazonaws.services.elasticloadbalancingv2.model.DescribeLoadBalancersRequest;
import com.amazonaws.services.elasticloadbalancingv2.model.LoadBalancer;
import com.amazonaws.services.lambda.AWSLambdaClientBuilder;
import com.amazonaws.services.s3.AmazonS3;
import com.amazonaws.services.s3.AmazonS3ClientBuilder;
import com.amazonaws.services.s3.model.CreateBucketRequest;
import com.amazonaws.services.s3.model.ObjectMetadata;
import com.amazonaws.services.secretsmanager.AWSSecretsManagerClientBuilder;
import com.amazonaws.services.secretsmanager.model.ListSecretsRequest;
import com.amazonaws.util.IOUtils;
import java.io.ByteArrayInputStream;
import java.net.URI;
import java.util.List;
import java.util.stream.Collectors;

/** The script of ../README.md with AWS SDK for Java v1, set up as Clouddriver does it. */
public final class V1 {
  private V1() {}

  /** A client that reaches AWS the way that the environment names. */
  private static <B extends AwsClientBuilder<B, T>, T> T client(B builder, String host) {
    ClientConfiguration settings = new ClientConfiguration().withGzip(true).withUserAgentSuffix("spinnaker");
    if (!Say.direct()) {
      URI proxy = URI.create(System.getenv("CALLS_PROXY"));
      settings.withProxyHost(proxy.getHost()).withProxyPort(proxy.getPort());
    }
    builder.withClientConfiguration(settings);
    String endpoint = endpoint(host);
    if (endpoint == null) return builder.withRegion(Say.REGION).build();
    return builder.withEndpointConfiguration(new EndpointConfiguration(endpoint, Say.REGION)).build();
  }

  public static void main(String[] arguments) throws Exception {
    AmazonAutoScaling scaling = client(AmazonAutoScalingClientBuilder.standard(), "autoscaling");
    DescribeAutoScalingGroupsRequest two = new DescribeAutoScalingGroupsRequest().withMaxRecords(2);
    do {
      DescribeAutoScalingGroupsResult page = scaling.describeAutoScalingGroups(two);
      say("groups", page.getAutoScalingGroups());
      two.setNextToken(page.getNextToken());
    } while (two.getNextToken() != null);

    AmazonEC2 ec2 = client(AmazonEC2ClientBuilder.standard(), "ec2");
    say("security groups", ec2.describeSecurityGroups().getSecurityGroups());
    String vpc = ec2.describeSecurityGroups().getSecurityGroups().get(0).getVpcId();

    AmazonElasticLoadBalancing balancing =
        client(AmazonElasticLoadBalancingClientBuilder.standard(), "elasticloadbalancing");
    List<LoadBalancer> balancers =
        balancing.describeLoadBalancers(new DescribeLoadBalancersRequest()).getLoadBalancers();
    say("load balancers", balancers);
    for (LoadBalancer balancer : balancers) {
      DescribeLoadBalancerAttributesRequest one =
          new DescribeLoadBalancerAttributesRequest().withLoadBalancerArn(balancer.getLoadBalancerArn());
      say("attributes", balancing.describeLoadBalancerAttributes(one).getAttributes());
    }

    AmazonCloudWatch watch = client(AmazonCloudWatchClientBuilder.standard(), "monitoring");
    say("alarms", alarms(watch).stream().filter(name -> !name.contains("sdk-")).collect(Collectors.toList()));
    say("secrets", client(AWSSecretsManagerClientBuilder.standard(), "secretsmanager")
        .listSecrets(new ListSecretsRequest()).getSecretList().size());
    say("functions", client(AWSLambdaClientBuilder.standard(), "lambda").listFunctions().getFunctions().size());
    try {
      ec2.describeInstances(new DescribeInstancesRequest().withInstanceIds("i-00000000000000000"));
    } catch (AmazonServiceException refused) {
      say("no such instance", refused.getErrorCode());
    }
    // The mock throttles the first attempt.
    say("retried", ec2.describeVpcs(new DescribeVpcsRequest().withVpcIds(vpc)).getVpcs().size());

    String name = "sdk-" + System.getenv("CALLS_RUN");
    watch.putMetricAlarm(new PutMetricAlarmRequest().withAlarmName(name).withMetricName("CPUUtilization")
        .withNamespace("AWS/EC2").withStatistic("Average").withPeriod(60).withEvaluationPeriods(1).withThreshold(1.0)
        .withComparisonOperator("GreaterThanThreshold"));
    say("own write seen", alarms(watch).contains(name));
    bigBodies();
  }

  private static List<String> alarms(AmazonCloudWatch watch) {
    return watch.describeAlarms().getMetricAlarms().stream().map(MetricAlarm::getAlarmName)
        .collect(Collectors.toList());
  }

  private static void bigBodies() throws Exception {
    AmazonS3 store = client(AmazonS3ClientBuilder.standard().withPathStyleAccessEnabled(true), "s3");
    try {
      store.createBucket(new CreateBucketRequest(Say.BUCKET, Say.REGION));
    } catch (AmazonServiceException refused) {
      if (!"BucketAlreadyOwnedByYou".equals(refused.getErrorCode())) throw refused;
    }
    byte[] body = Say.bigBody();
    ObjectMetadata metadata = new ObjectMetadata();
    metadata.setContentLength(body.length);
    store.putObject(Say.BUCKET, Say.KEY, new ByteArrayInputStream(body), metadata);
    say("object", Say.same(body, IOUtils.toByteArray(store.getObject(Say.BUCKET, Say.KEY).getObjectContent())));
  }
}
