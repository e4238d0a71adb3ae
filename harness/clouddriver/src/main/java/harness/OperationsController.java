package harness;

import com.amazonaws.services.autoscaling.model.AutoScalingGroup;
import com.amazonaws.services.autoscaling.model.DescribeAutoScalingGroupsRequest;
import com.amazonaws.services.autoscaling.model.Instance;
import com.amazonaws.services.ec2.model.DescribeInstancesRequest;
import com.netflix.spinnaker.clouddriver.aws.deploy.converters.DestroyAsgAtomicOperationConverter;
import com.netflix.spinnaker.clouddriver.aws.deploy.ops.securitygroup.SecurityGroupLookupFactory;
import com.netflix.spinnaker.clouddriver.aws.security.AmazonClientProvider;
import com.netflix.spinnaker.clouddriver.aws.security.NetflixAmazonCredentials;
import com.netflix.spinnaker.clouddriver.aws.services.RegionScopedProviderFactory;
import com.netflix.spinnaker.clouddriver.data.task.DefaultTask;
import com.netflix.spinnaker.clouddriver.data.task.TaskRepository;
import com.netflix.spinnaker.clouddriver.orchestration.AtomicOperation;
import com.netflix.spinnaker.clouddriver.security.AccountCredentialsProvider;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.springframework.beans.factory.config.AutowireCapableBeanFactory;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/**
 * Operations, and the reads by which operations begin, with Clouddriver's own classes, clients and credentials. Parameters are {@code account}, {@code region},
 * {@code name} and {@code ids}.
 */
@RestController
@RequestMapping("/debug/operations")
public class OperationsController {
  private final AmazonClientProvider clients;
  private final AccountCredentialsProvider accounts;
  private final RegionScopedProviderFactory regions;
  private final SecurityGroupLookupFactory lookups;
  private final DestroyAsgAtomicOperationConverter converter;
  private final AutowireCapableBeanFactory beans;

  public OperationsController(
      AmazonClientProvider clients,
      AccountCredentialsProvider accounts,
      RegionScopedProviderFactory regions,
      SecurityGroupLookupFactory lookups,
      DestroyAsgAtomicOperationConverter converter,
      AutowireCapableBeanFactory beans) {
    this.clients = clients;
    this.accounts = accounts;
    this.regions = regions;
    this.lookups = lookups;
    this.converter = converter;
    this.beans = beans;
  }

  /** What to do, and to what. */
  public static class What {
    public String account;
    public String region;
    public String name;
    public List<String> ids = List.of();
  }

  /** The whole operation, made from JSON as a pipeline's is: it reads the group by name, and ends the instances that it read. */
  @PostMapping("/destroyServerGroup")
  Map<String, Object> destroyServerGroup(@RequestBody What what) {
    AtomicOperation<?> operation =
        converter.convertOperation(
            Map.of(
                "credentials",
                what.account,
                "asgs",
                List.of(Map.of("serverGroupName", what.name, "region", what.region))));
    beans.autowireBean(operation);
    DefaultTask task = new DefaultTask("harness");
    TaskRepository.threadLocalTask.set(task);
    try {
      operation.operate(List.of());
    } finally {
      TaskRepository.threadLocalTask.remove();
    }
    return Map.of(
        "log", task.getHistory().stream().map(Object::toString).collect(Collectors.toList()));
  }

  /** As the operations that resize, disable, copy or tag a group begin. */
  @PostMapping("/serverGroup")
  Map<String, Object> serverGroup(@RequestBody What what) {
    AutoScalingGroup group =
        regions
            .forRegion(credentials(what), what.region)
            .getAsgService()
            .getAutoScalingGroup(what.name);
    return group == null ? Map.of() : view(group);
  }

  /** As the operations that register and tag instances begin. */
  @PostMapping("/instances")
  List<String> instances(@RequestBody What what) {
    DescribeInstancesRequest request = new DescribeInstancesRequest().withInstanceIds(what.ids);
    return clients
        .getAmazonEC2(credentials(what), what.region)
        .describeInstances(request)
        .getReservations()
        .stream()
        .flatMap(reservation -> reservation.getInstances().stream())
        .map(instance -> instance.getInstanceId() + " " + instance.getState().getName())
        .sorted()
        .collect(Collectors.toList());
  }

  /** As the operations that write security groups begin: the rules of the one of this name in the VPC {@code ids[0]}. */
  @PostMapping("/securityGroup")
  List<String> securityGroup(@RequestBody What what) {
    String vpc = what.ids.isEmpty() ? null : what.ids.get(0);
    return lookups
        .getInstance(what.region)
        .getSecurityGroupByName(what.account, what.name, vpc)
        .map(found -> found.getSecurityGroup().getIpPermissions().stream())
        .orElse(Stream.empty())
        .map(rule -> rule.getFromPort() + "-" + rule.getToPort())
        .sorted()
        .collect(Collectors.toList());
  }

  /** Not an operation: the agents' own list, which shows what an agent would be told now. */
  @PostMapping("/list")
  List<Map<String, Object>> list(@RequestBody What what) {
    DescribeAutoScalingGroupsRequest request =
        new DescribeAutoScalingGroupsRequest().withMaxRecords(100);
    return clients
        .getAutoScaling(credentials(what), what.region)
        .describeAutoScalingGroups(request)
        .getAutoScalingGroups()
        .stream()
        .map(OperationsController::view)
        .collect(Collectors.toList());
  }

  private NetflixAmazonCredentials credentials(What what) {
    return (NetflixAmazonCredentials) accounts.getCredentials(what.account);
  }

  private static Map<String, Object> view(AutoScalingGroup group) {
    List<String> instances =
        group.getInstances().stream()
            .map(Instance::getInstanceId)
            .sorted()
            .collect(Collectors.toList());
    return Map.of(
        "name",
        group.getAutoScalingGroupName(),
        "desired",
        group.getDesiredCapacity(),
        "instances",
        instances);
  }
}
