package harness;

import com.netflix.spinnaker.cats.agent.Agent;
import com.netflix.spinnaker.cats.cache.Cache;
import com.netflix.spinnaker.cats.cache.CacheData;
import com.netflix.spinnaker.cats.provider.ProviderRegistry;
import com.netflix.spinnaker.clouddriver.aws.cache.Keys;
import com.netflix.spinnaker.clouddriver.core.provider.agent.Namespace;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.springframework.util.MultiValueMap;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** What tests ask and Clouddriver does not answer, and the little of Front50 that Clouddriver's own agents ask for. */
@RestController
public class DebugController {
  private final ProviderRegistry providers;
  private final Cache cache;

  public DebugController(ProviderRegistry providers, Cache cacheView) {
    this.providers = providers;
    this.cache = cacheView;
  }

  /** What the cache holds: whole items ({@code ?id=} for some of them), or only their keys. */
  @GetMapping("/debug/cache/{namespace}")
  List<?> cached(
      @PathVariable String namespace,
      @RequestParam(defaultValue = "false") boolean keys,
      // Not a list: Spring would take a key with a comma for two.
      @RequestParam MultiValueMap<String, String> parameters) {
    if (keys) {
      return cache.getIdentifiers(namespace).stream().sorted().collect(Collectors.toList());
    }
    List<String> id = parameters.get("id");
    Collection<CacheData> items = id == null ? cache.getAll(namespace) : cache.getAll(namespace, id);
    return items.stream()
        .sorted(Comparator.comparing(CacheData::getId))
        .map(DebugController::view)
        .collect(Collectors.toList());
  }

  /** Every namespace that Clouddriver's core and its AWS provider know. */
  @GetMapping("/debug/namespaces")
  Set<String> namespaces() {
    Stream<String> core = Stream.of(Namespace.values()).map(Namespace::getNs);
    Stream<String> aws = Stream.of(Keys.Namespace.values()).map(Keys.Namespace::getNs);
    return Stream.concat(core, aws).collect(Collectors.toCollection(TreeSet::new));
  }

  private static Map<String, Object> view(CacheData item) {
    Map<String, Object> view = new LinkedHashMap<>();
    view.put("id", item.getId());
    view.put("ttl", item.getTtlSeconds());
    view.put("attributes", item.getAttributes());
    view.put("relationships", item.getRelationships());
    return view;
  }

  /** The type of every registered agent, by provider. */
  @GetMapping("/debug/agents")
  Map<String, List<String>> agents() {
    Map<String, List<String>> all = new LinkedHashMap<>();
    providers
        .getProviders()
        .forEach(
            provider ->
                all.put(
                    provider.getProviderName(),
                    provider.getAgents().stream()
                        .map(Agent::getAgentType)
                        .sorted()
                        .collect(Collectors.toList())));
    return all;
  }

  /** Front50 knows no projects and no applications. */
  @GetMapping({"/v2/projects", "/v2/applications"})
  List<Object> nothing() {
    return List.of();
  }
}
