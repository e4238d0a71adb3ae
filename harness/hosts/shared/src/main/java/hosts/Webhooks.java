package hosts;

import java.util.Map;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;

/** Gate's paths under /webhooks and one that needs a login. Each says which one it is: the plugin must not take over any of them. */
@RestController
public class Webhooks {

  @PostMapping("/webhooks/{type}/{source}")
  Map<String, String> webhook(
      @PathVariable("type") String type, @PathVariable("source") String source, @RequestBody Map<String, Object> event) {
    return Map.of("path", "webhook", "type", type, "source", source);
  }

  @PostMapping("/webhooks/cdevents/{source}")
  Map<String, String> cdevent(@PathVariable("source") String source, @RequestBody Map<String, Object> event) {
    return Map.of("path", "cdevent");
  }

  @GetMapping("/webhooks/preconfigured")
  Map<String, String> preconfigured() {
    return Map.of("path", "preconfigured");
  }

  @GetMapping("/applications")
  Map<String, String> applications() {
    return Map.of("path", "applications");
  }
}
