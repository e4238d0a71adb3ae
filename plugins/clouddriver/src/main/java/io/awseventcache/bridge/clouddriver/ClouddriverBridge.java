package io.awseventcache.bridge.clouddriver;

import com.netflix.spinnaker.kork.plugins.api.spring.PrivilegedSpringPlugin;
import io.awseventcache.bridge.service.ServiceAddress;
import java.util.List;
import org.pf4j.PluginWrapper;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.beans.factory.support.BeanDefinitionRegistry;

/** Lets AWS Event Cache say how often agents run, and have them run now. */
public class ClouddriverBridge extends PrivilegedSpringPlugin {

  private static final Logger log = LoggerFactory.getLogger(ClouddriverBridge.class);

  public ClouddriverBridge(PluginWrapper wrapper) {
    super(wrapper);
  }

  @Override
  public void registerBeanDefinitions(BeanDefinitionRegistry registry) {
    try {
      // All or nothing: each class is loaded before the first is registered.
      List<BeanDefinition> beans =
          List.of(
              primaryBeanDefinitionFor(RemoteIntervalProvider.class),
              beanDefinitionFor(ServiceAddress.class),
              beanDefinitionFor(AgentRuns.class),
              beanDefinitionFor(AgentLauncher.class),
              beanDefinitionFor(AgentController.class));
      for (BeanDefinition bean : beans) {
        registerBean(bean, registry);
      }
    } catch (ClassNotFoundException | LinkageError e) {
      // Thrown on, it would keep the whole service from starting, for instance Gate, where this part was put by mistake.
      log.error("aws-event-cache bridge: this part is not for this service and does nothing here", e);
    }
  }
}
