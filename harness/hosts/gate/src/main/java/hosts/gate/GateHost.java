package hosts.gate;

import com.netflix.spinnaker.config.ErrorConfiguration;
import com.netflix.spinnaker.config.PluginsAutoConfiguration;
import com.netflix.spinnaker.kork.web.exceptions.GenericExceptionHandlers;
import hosts.Webhooks;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Import;

/** As much of Gate as a plugin meets: kork's plugin loader and error handling, unchanged, with paths and security rules like Gate's. */
@SpringBootApplication
@EnableConfigurationProperties
@Import({PluginsAutoConfiguration.class, ErrorConfiguration.class, GenericExceptionHandlers.class, Webhooks.class})
public class GateHost {
  public static void main(String[] args) {
    SpringApplication.run(GateHost.class, args);
  }
}
