package harness;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.netflix.spinnaker.cats.cache.AgentIntrospection;
import com.netflix.spinnaker.cats.cache.CacheIntrospectionStore;
import com.netflix.spinnaker.clouddriver.cache.OnDemandCacheResult;
import com.netflix.spinnaker.clouddriver.cache.OnDemandCacheStatus;
import com.netflix.spinnaker.clouddriver.cache.OnDemandCacheUpdater;
import com.netflix.spinnaker.clouddriver.cache.OnDemandType;
import com.netflix.spinnaker.clouddriver.security.AccountCredentials;
import com.netflix.spinnaker.clouddriver.security.AccountCredentialsProvider;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.springframework.http.HttpStatus;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** The part of Clouddriver's own HTTP surface that AWS Event Cache uses, answered from the real beans. */
@RestController
public class CloudController {
  /** What Clouddriver shows of an account without {@code expand=true}. */
  private static final List<String> SUMMARY =
      List.of(
          "name",
          "environment",
          "accountType",
          "cloudProvider",
          "accountId",
          "requiredGroupMembership",
          "permissions");

  private final List<OnDemandCacheUpdater> updaters;
  private final AccountCredentialsProvider accounts;
  private final ObjectMapper mapper;

  public CloudController(
      List<OnDemandCacheUpdater> updaters,
      AccountCredentialsProvider accounts,
      ObjectMapper mapper) {
    this.updaters = updaters;
    this.accounts = accounts;
    this.mapper = mapper;
  }

  @PostMapping("/cache/{provider}/{type}")
  ResponseEntity<Map<String, Object>> refresh(
      @PathVariable String provider,
      @PathVariable String type,
      @RequestBody Map<String, Object> data) {
    OnDemandType kind = OnDemandType.fromString(type);
    for (OnDemandCacheUpdater updater : updaters) {
      if (updater.handles(kind, provider)) {
        // As in Clouddriver, only the first updater that handles the type is asked.
        OnDemandCacheResult result = updater.handle(kind, provider, data);
        boolean pending = result.getStatus() == OnDemandCacheStatus.PENDING;
        return ResponseEntity.status(pending ? HttpStatus.ACCEPTED : HttpStatus.OK)
            .body(Map.of("cachedIdentifiersByType", result.getCachedIdentifiersByType()));
      }
    }
    return ResponseEntity.ok(Map.of("cachedIdentifiersByType", Map.of()));
  }

  @GetMapping("/cache/{provider}/{type}")
  Collection<Map<String, Object>> pending(
      @PathVariable String provider,
      @PathVariable String type,
      @RequestParam(required = false) String id) {
    OnDemandType kind = OnDemandType.fromString(type);
    Collection<Map<String, Object>> found = new ArrayList<>();
    for (OnDemandCacheUpdater updater : updaters) {
      if (!updater.handles(kind, provider)) {
        continue;
      }
      if (id == null) {
        found.addAll(updater.pendingOnDemandRequests(kind, provider));
        continue;
      }
      Map<String, Object> one = updater.pendingOnDemandRequest(kind, provider, id);
      if (one != null) {
        found.add(one);
      }
    }
    return found;
  }

  @GetMapping("/cache/introspection")
  List<AgentIntrospection> introspection() {
    return CacheIntrospectionStore.getStore().listAgentIntrospections().stream()
        .sorted(Comparator.comparing(AgentIntrospection::getLastExecutionStartMs).reversed())
        .collect(Collectors.toList());
  }

  @GetMapping("/credentials")
  List<Map<String, Object>> credentials(@RequestParam(defaultValue = "false") boolean expand) {
    return accounts.getAll().stream()
        .map(account -> view(account, expand))
        .collect(Collectors.toList());
  }

  private Map<String, Object> view(AccountCredentials<?> account, boolean expand) {
    Map<String, Object> view =
        mapper.convertValue(account, new TypeReference<LinkedHashMap<String, Object>>() {});
    if (!expand) {
      view.keySet().retainAll(SUMMARY);
    }
    view.put("type", account.getCloudProvider());
    return view;
  }
}
