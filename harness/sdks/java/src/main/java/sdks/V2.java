package sdks;

import static sdks.Say.endpoint;
import static sdks.Say.say;

import java.net.URI;
import java.util.List;
import java.util.stream.Collectors;
import software.amazon.awssdk.awscore.client.builder.AwsClientBuilder;
import software.amazon.awssdk.awscore.client.builder.AwsSyncClientBuilder;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.http.SdkHttpClient;
import software.amazon.awssdk.http.apache.ApacheHttpClient;
import software.amazon.awssdk.http.apache.ProxyConfiguration;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchClient;
import software.amazon.awssdk.services.cloudwatch.model.MetricAlarm;
import software.amazon.awssdk.services.ec2.Ec2Client;
import software.amazon.awssdk.services.lambda.LambdaClient;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3ClientBuilder;
import software.amazon.awssdk.services.s3.model.BucketAlreadyOwnedByYouException;
import software.amazon.awssdk.services.secretsmanager.SecretsManagerClient;

/** The script of ../README.md with AWS SDK for Java v2, set up as Clouddriver does it. */
public final class V2 {
  private static final SdkHttpClient HTTP = http();

  private V2() {}

  private static SdkHttpClient http() {
    ApacheHttpClient.Builder builder = ApacheHttpClient.builder();
    if (!Say.direct()) {
      URI proxy = URI.create(System.getenv("CALLS_PROXY"));
      builder.proxyConfiguration(ProxyConfiguration.builder().endpoint(proxy).build());
    }
    return builder.build();
  }

  /** A client that reaches AWS the way that the environment names. */
  private static <B extends AwsSyncClientBuilder<B, T> & AwsClientBuilder<B, T>, T> T client(B builder, String host) {
    builder.httpClient(HTTP).region(Region.of(Say.REGION));
    String endpoint = endpoint(host);
    if (endpoint != null) builder.endpointOverride(URI.create(endpoint));
    return builder.build();
  }

  public static void main(String[] arguments) {
    Ec2Client ec2 = client(Ec2Client.builder(), "ec2");
    say("instances", ec2.describeInstancesPaginator(r -> r.maxResults(5)).reservations().stream()
        .collect(Collectors.toList()));
    say("security groups", ec2.describeSecurityGroups().securityGroups());
    String vpc = ec2.describeSecurityGroups().securityGroups().get(0).vpcId();

    CloudWatchClient watch = client(CloudWatchClient.builder(), "monitoring");
    say("alarms", alarms(watch).stream().filter(name -> !name.contains("sdk-")).collect(Collectors.toList()));
    say("secrets", client(SecretsManagerClient.builder(), "secretsmanager").listSecrets().secretList().size());
    say("functions", client(LambdaClient.builder(), "lambda").listFunctions().functions().size());
    try {
      ec2.describeInstances(r -> r.instanceIds("i-00000000000000000"));
    } catch (AwsServiceException refused) {
      say("no such instance", refused.awsErrorDetails().errorCode());
    }
    // The mock throttles the first attempt.
    say("retried", ec2.describeVpcs(r -> r.vpcIds(vpc)).vpcs().size());

    String name = "sdk-" + System.getenv("CALLS_RUN");
    watch.putMetricAlarm(r -> r.alarmName(name).metricName("CPUUtilization").namespace("AWS/EC2").statistic("Average")
        .period(60).evaluationPeriods(1).threshold(1.0).comparisonOperator("GreaterThanThreshold"));
    say("own write seen", alarms(watch).contains(name));
    bigBodies();
  }

  private static List<String> alarms(CloudWatchClient watch) {
    return watch.describeAlarms().metricAlarms().stream().map(MetricAlarm::alarmName).collect(Collectors.toList());
  }

  private static void bigBodies() {
    S3ClientBuilder builder = S3Client.builder().forcePathStyle(true);
    S3Client store = client(builder, "s3");
    try {
      store.createBucket(r -> r.bucket(Say.BUCKET));
    } catch (BucketAlreadyOwnedByYouException there) {
      // By an earlier run.
    }
    byte[] body = Say.bigBody();
    store.putObject(r -> r.bucket(Say.BUCKET).key(Say.KEY), RequestBody.fromBytes(body));
    say("object", Say.same(body, store.getObjectAsBytes(r -> r.bucket(Say.BUCKET).key(Say.KEY)).asByteArray()));
  }
}
